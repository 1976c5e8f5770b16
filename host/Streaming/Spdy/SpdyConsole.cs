using System.Text;
using Berth.Streaming.Sessions;

namespace Berth.Streaming.Spdy;

/// <summary>A session with a process over SPDY: each of its streams is one of the connection, named by the header <c>streamtype</c>.</summary>
internal sealed class SpdyConsole : ISpdyPeer, IConsole
{
    private const string Error = "error", In = "stdin", Out = "stdout", Err = "stderr", Resize = "resize";

    /// <summary>The versions of the stream protocol, newest first.</summary>
    public static readonly IReadOnlyList<string> Protocols =
        ["v4.channel.k8s.io", "v3.channel.k8s.io", "v2.channel.k8s.io", "channel.k8s.io"];

    private readonly Dictionary<string, SpdyStream?> _streams;
    private readonly TaskCompletionSource _complete = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly bool _jsonStatus;

    public SpdyConsole(ConsoleIo io, string protocol, CancellationToken gone)
    {
        (_jsonStatus, Gone) = (protocol == Protocols[0], gone);
        var resizes = io.Terminal && (protocol == Protocols[0] || protocol == Protocols[1]);
        (string Name, bool Wanted)[] all = [(Error, true), (In, io.Stdin), (Out, io.Stdout), (Err, io.Stderr), (Resize, resizes)];
        _streams = all.Where(static s => s.Wanted).ToDictionary(static s => s.Name, static _ => (SpdyStream?)null);
    }

    public IInbound? Stdin => Find(In);

    public IOutbound? Stdout => Find(Out);

    public IOutbound? Stderr => Find(Err);

    public IInbound? Sizes => Find(Resize);

    public CancellationToken Gone { get; }

    /// <summary>Completes when the client has opened every stream.</summary>
    public Task Complete => _complete.Task;

    public bool Accepts(uint id, IReadOnlyDictionary<string, string> headers)
    {
        lock (_streams)
        {
            return headers.TryGetValue("streamtype", out var type) && _streams.TryGetValue(type, out var taken) && taken is null;
        }
    }

    public void Opened(SpdyStream stream)
    {
        lock (_streams)
        {
            _streams[stream.Header("streamtype")] = stream;
            if (_streams.Values.All(static s => s is not null))
            {
                _complete.TrySetResult();
            }
        }
    }

    // Clients wait for the ends of the output, and only then for the status.
    public async Task FinishAsync(SessionStatus status)
    {
        foreach (var output in (IOutbound?[])[Stdout, Stderr])
        {
            if (output is not null)
            {
                await output.EndAsync(Gone);
            }
        }

        var error = Find(Error)!;
        var text = _jsonStatus ? status.Json : status.Text;
        if (text.Length > 0)
        {
            await error.WriteAsync(Encoding.UTF8.GetBytes(text), Gone);
        }

        await error.EndAsync(Gone);
    }

    private SpdyStream? Find(string type)
    {
        lock (_streams)
        {
            return _streams.GetValueOrDefault(type);
        }
    }
}
