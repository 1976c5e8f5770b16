using System.Text;
using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Plugins.ShimV2;

/// <summary>
/// A shim's own log: the FIFO <c>log</c> in the bundle that it was started in. It does not begin before somebody has the other end
/// open; later it minds no more, and what it says while the gateway is away is lost.
/// </summary>
internal sealed class ShimLog : IDisposable
{
    private const int MaxLineBytes = 4096;
    private readonly string _shim;
    private readonly IPluginLog _log;
    private readonly SafeFd _fifo;
    private readonly CancellationTokenSource _stop = new();

    private ShimLog(string shim, SafeFd fifo, IPluginLog log)
    {
        (_shim, _fifo, _log) = (shim, fifo, log);
        _ = CopyAsync();
    }

    /// <summary>Makes the FIFO and opens it.</summary>
    public static ShimLog Open(string bundle, string shim, IPluginLog log)
    {
        var path = Path.Combine(bundle, "log");
        ContainerFiles.MakeFifo(path);
        try
        {
            var fifo = SafeFd.OpenFifo(path, forWriting: false);
            fifo.SetNonBlocking();
            return new(shim, fifo, log);
        }
        catch (LinuxException e)
        {
            throw RuntimeException.Unavailable($"{path}: {e.Message}", e);
        }
    }

    public void Dispose() => _stop.Cancel();

    private async Task CopyAsync()
    {
        var buffer = new byte[MaxLineBytes];
        var used = 0;
        try
        {
            while (true)
            {
                await Poller.Shared.ReadableAsync(_fifo, _stop.Token).ConfigureAwait(false);
                var count = _fifo.Read(buffer.AsSpan(used));
                if (count is 0)
                {
                    return;
                }

                used = Write(buffer, used + (count ?? 0));
            }
        }
        catch (OperationCanceledException)
        {
            // The pod's end, or the handler's.
        }
        finally
        {
            _fifo.Dispose();
        }
    }

    // Writes the whole lines, and one that fills the buffer; returns how many bytes stay for the next time.
    private int Write(byte[] buffer, int used)
    {
        var start = 0;
        for (int end; (end = buffer.AsSpan(start, used - start).IndexOf((byte)'\n')) >= 0; start += end + 1)
        {
            WriteLine(buffer.AsSpan(start, end));
        }

        if (start == 0 && used == buffer.Length)
        {
            WriteLine(buffer);
            return 0;
        }

        buffer.AsSpan(start, used - start).CopyTo(buffer);
        return used - start;
    }

    private void WriteLine(ReadOnlySpan<byte> line)
    {
        var text = Encoding.UTF8.GetString(line);
        var level = text.Contains("level=error", StringComparison.Ordinal) || text.Contains("level=fatal", StringComparison.Ordinal)
            ? PluginLogLevel.Warning
            : PluginLogLevel.Debug;
        _log.Write(level, $"shim of {_shim}: {new string([.. text.Select(static c => char.IsControl(c) ? ' ' : c)])}");
    }
}
