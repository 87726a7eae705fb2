"""Work spread over processes and machines: engines that run it, claims on a shared folder, a log per item."""
