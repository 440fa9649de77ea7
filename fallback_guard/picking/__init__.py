"""A simulated picker, without ROS: how it drives, and what it is asked to pick."""
