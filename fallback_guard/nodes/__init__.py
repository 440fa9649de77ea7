"""The only place that imports rclpy: thin nodes that translate between messages and the core."""
