"""What is done with saved methods: save, rename, prefer, remove, set up; and what depends on one."""
