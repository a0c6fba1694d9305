"""What ``make`` calls: the lab, handouts, stored outputs, recorded trainings."""
