"""How a robot carries out what `motion` says, without ROS: which command holds, what is driven next, where it is."""
