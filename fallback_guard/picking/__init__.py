"""The world around the guard, without ROS: a simulated picker, its tasks, and the tally of what it goes through."""
