"""What every request passes, whatever its route: server, gateway, bodies, responses, problem documents."""
