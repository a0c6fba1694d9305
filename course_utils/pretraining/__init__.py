"""How course-bert was made: its text, its training, its report."""
