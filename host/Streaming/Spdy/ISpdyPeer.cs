namespace Berth.Streaming.Spdy;

/// <summary>Who uses the streams of a connection. Both are called on the connection's reader, so they do not wait.</summary>
internal interface ISpdyPeer
{
    /// <summary>Whether a stream with these headers is wanted; if not it is reset.</summary>
    bool Accepts(uint id, IReadOnlyDictionary<string, string> headers);

    /// <summary>The client knows that the stream is open.</summary>
    void Opened(SpdyStream stream);
}
