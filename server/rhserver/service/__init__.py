"""The gRPC methods, by what they are about; the server's application puts them together."""
