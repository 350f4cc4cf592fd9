"""The turn engine: lanes in, turns through the agent, replies out. It knows neither the SDK nor a provider."""
