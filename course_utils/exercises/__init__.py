"""The exercises of the four notebooks: ``check_…`` says at once whether an answer is right."""

from course_utils.exercises.core import Feedback, show_solution

__all__ = ["Feedback", "show_solution"]
