"""What the lessons are built on: files, models, speed. Read it last."""
