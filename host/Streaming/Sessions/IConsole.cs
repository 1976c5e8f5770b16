namespace Berth.Streaming.Sessions;

/// <summary>A client's end of a session with a process, whatever carries it.</summary>
internal interface IConsole
{
    /// <summary>What the client types; null if the session has none.</summary>
    IInbound? Stdin { get; }

    IOutbound? Stdout { get; }

    IOutbound? Stderr { get; }

    /// <summary>Sizes of the client's terminal, as JSON objects one after another.</summary>
    IInbound? Sizes { get; }

    /// <summary>Cancelled once the client is gone or silent for too long.</summary>
    CancellationToken Gone { get; }

    /// <summary>Ends the streams and tells how it went; the client then hangs up.</summary>
    Task FinishAsync(SessionStatus status);
}

/// <summary>Bytes that the client sends.</summary>
internal interface IInbound
{
    /// <summary>Waits for bytes; 0 is the end.</summary>
    /// <exception cref="IOException">The client reset the stream, or is gone.</exception>
    ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken);
}

/// <summary>Bytes that the client gets; a write waits while the client does not read.</summary>
internal interface IOutbound
{
    /// <exception cref="IOException">The client reset the stream, or is gone.</exception>
    ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken);

    /// <summary>Nothing more comes. A second call does nothing.</summary>
    ValueTask EndAsync(CancellationToken cancellationToken);
}
