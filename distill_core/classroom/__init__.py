"""Who is who on one server: visitors, the teacher, and a class with its board."""
