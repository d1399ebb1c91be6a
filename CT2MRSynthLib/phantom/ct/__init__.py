"""From tissue to CT: protocol, pose, kernel, noise, artifacts, volumes and crops."""
