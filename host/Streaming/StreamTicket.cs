namespace Berth.Streaming;

/// <summary>What a URL stands for: all of the request, so that nothing in the client's own request is believed.</summary>
public abstract record StreamTicket;

/// <summary>A session with the streams of a process.</summary>
/// <param name="ContainerId">The full id.</param>
/// <param name="Io">The streams that the request asked for.</param>
public abstract record ConsoleTicket(string ContainerId, ConsoleIo Io) : StreamTicket;

/// <summary>Runs a command in a container.</summary>
public sealed record ExecTicket(string ContainerId, ConsoleIo Io, IReadOnlyList<string> Command) : ConsoleTicket(ContainerId, Io);

/// <summary>Joins the streams of a container's first process.</summary>
public sealed record AttachTicket(string ContainerId, ConsoleIo Io) : ConsoleTicket(ContainerId, Io);

/// <summary>Connects to ports of a pod.</summary>
/// <param name="SandboxId">The full id.</param>
/// <param name="Ports">For the older WebSocket form alone; the others name a port with each connection.</param>
public sealed record PortForwardTicket(string SandboxId, IReadOnlyList<int> Ports) : StreamTicket;

/// <summary>The streams of a session. With a terminal, standard error is part of standard output.</summary>
public sealed record ConsoleIo(bool Stdin, bool Stdout, bool Stderr, bool Terminal);
