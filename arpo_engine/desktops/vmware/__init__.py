"""OSWorld's virtual machines in VMware Workstation or Fusion."""
