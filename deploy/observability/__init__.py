"""What people see of the metrics: the page of every one, and the dashboards, made of lists in this folder."""
