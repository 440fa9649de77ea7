"""Pick routes as orders of VDA 5050, and orders as pick routes.  Pure."""
