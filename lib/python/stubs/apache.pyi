# SPDX-License-Identifier: Apache-2.0
# Module apache: the httpd that serves.
version: tuple[int, int, int]
description: str
build_date: str
mpm_name: str
maximum_processes: int
threads_per_process: int
