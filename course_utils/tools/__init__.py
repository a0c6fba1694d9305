"""What ``make`` calls: the lab, handouts, stored outputs, the spread of seeds."""
