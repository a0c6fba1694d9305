"""The helper package of the course: what the notebooks teach, as small tested functions.

Import the module you need (``from course_utils import encoders``). Importing the package alone
loads nothing else: torch and transformers load when something first needs them.
"""

__version__ = "0.1.0"
