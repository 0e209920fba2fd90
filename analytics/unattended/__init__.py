"""Reports without anybody watching: catching up, delivery, schedules."""
