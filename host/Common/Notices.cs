using System.Threading.Channels;

namespace Berth.Common;

/// <summary>A pod, as the cluster knows it.</summary>
public sealed record NoticePod(string Namespace, string Name, string Uid);

/// <summary>Something that whoever looks at a pod, or at the node, should know.</summary>
/// <param name="Pod">Null if it is about the node.</param>
/// <param name="Reason">A word such as HandlerChosen.</param>
/// <param name="Message">One line.</param>
/// <param name="IsWarning">Whether something is wrong.</param>
public sealed record Notice(NoticePod? Pod, string Reason, string Message, bool IsWarning);

/// <summary>
/// What shall be told to the cluster, if there is one. Nobody ever waits here: where nobody reads, or too slowly, notices are dropped and
/// counted.
/// </summary>
/// <param name="isOn">Whether somebody reads them.</param>
public sealed class Notices(bool isOn)
{
    private const int Most = 256;

    private readonly Channel<Notice> _channel = Channel.CreateBounded<Notice>(new BoundedChannelOptions(Most) { FullMode = BoundedChannelFullMode.Wait, SingleReader = true });
    private long _dropped;

    /// <summary>How many were dropped since this was last asked.</summary>
    public long TakeDropped() => Interlocked.Exchange(ref _dropped, 0);

    public void Post(Notice notice)
    {
        if (isOn && !_channel.Writer.TryWrite(notice))
        {
            Interlocked.Increment(ref _dropped);
        }
    }

    /// <summary>The next one; null if there is none now.</summary>
    public Notice? TryTake() => _channel.Reader.TryRead(out var notice) ? notice : null;
}
