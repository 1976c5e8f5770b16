namespace Berth.Logger;

/// <summary>A container's streams and its log.</summary>
internal sealed class ContainerLog : IDisposable
{
    private readonly LogFile _log;

    public ContainerLog(string output, string error, string log)
    {
        _log = new(log);
        var streams = new List<LogStream>();
        if (output.Length > 0)
        {
            streams.Add(new(output, isError: false, _log));
        }

        if (error.Length > 0)
        {
            streams.Add(new(error, isError: true, _log));
        }

        Streams = streams;
    }

    public IReadOnlyList<LogStream> Streams { get; }

    /// <summary>Whoever waits for the streams' end.</summary>
    public Client? Waiting { get; set; }

    public bool Ended => Streams.All(static s => s.Ended);

    /// <summary>Moves what is there; what was written before the call is then in the file that was open.</summary>
    public void Drain()
    {
        foreach (var stream in Streams)
        {
            stream.Drain();
        }
    }

    /// <summary>Gives a client a copy of what comes from now on.</summary>
    public void Attach(Follower follower)
    {
        foreach (var stream in Streams)
        {
            stream.Followers.Add(follower);
        }
    }

    public void Detach(Follower follower)
    {
        foreach (var stream in Streams)
        {
            stream.Followers.Remove(follower);
        }
    }

    public void Reopen() => _log.Reopen();

    public void Dispose()
    {
        foreach (var stream in Streams)
        {
            stream.Dispose();
        }

        _log.Dispose();
    }
}
