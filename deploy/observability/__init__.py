"""What is known of the metrics beyond what the services say of them, and the page that is made of both."""
