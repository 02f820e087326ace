"""ghn inside other tools: a module a tool, which imports it; none is imported by the rest of ghn."""
