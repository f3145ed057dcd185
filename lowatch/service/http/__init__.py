"""The web server and the control socket: connections, requests and routes."""
