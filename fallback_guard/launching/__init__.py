"""What the launch files start, and what they refuse: pure but for `actions`, which needs launch and launch_ros."""
