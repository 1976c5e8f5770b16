using System.Text;
using System.Text.Json;
using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Plugins.Oci;

/// <summary>A monitor that has not been let go yet; disposed of before its release, it ends by itself.</summary>
internal sealed class BlockedMonitor(Monitor monitor, SafeFd start, SafeFd sync, PipeCapture error) : IDisposable
{
    // The runtime's message is at most 8 KiB, escaped as JSON.
    private const int MaxReportBytes = 64 * 1024;

    /// <summary>The process.</summary>
    public Monitor Monitor => monitor;

    /// <summary>Lets it create the container, and waits for its report.</summary>
    /// <exception cref="RuntimeException">It ended without a report.</exception>
    public async Task<MonitorReport> ReleaseAsync(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        try
        {
            start.Write([0]);
        }
        catch (LinuxException)
        {
            // It ended already; its report says why.
        }

        var line = await ReadLineAsync(cancellationToken).ConfigureAwait(false);
        if (line.Length > 0)
        {
            return MonitorReport.Parse(line);
        }

        // It gives its standard error away once its own set-up is done, so this ends.
        await error.ReadAsync(null, cancellationToken).ConfigureAwait(false);
        var reason = Encoding.UTF8.GetString(error.ToArray()).Trim();
        throw RuntimeException.Unavailable($"the monitor ended early: {(reason.Length > 0 ? reason : "it gave no reason")}");
    }

    public void Dispose()
    {
        start.Dispose();
        sync.Dispose();
        error.Dispose();
    }

    private async Task<byte[]> ReadLineAsync(CancellationToken cancellationToken)
    {
        using var line = new MemoryStream();
        var buffer = new byte[4096];
        while (line.Length < MaxReportBytes)
        {
            switch (sync.Read(buffer))
            {
                case null:
                    await Poller.Shared.ReadableAsync(sync, cancellationToken).ConfigureAwait(false);
                    break;
                case 0:
                    return line.ToArray();
                case { } count:
                    line.Write(buffer.AsSpan(0, count));
                    if (buffer[count - 1] == '\n')
                    {
                        return line.ToArray();
                    }

                    break;
            }
        }

        throw new RuntimeException(RuntimeErrorCode.Internal, $"the monitor's report exceeds {MaxReportBytes} bytes");
    }
}

/// <summary>What the monitor reports of <c>runtime create</c>.</summary>
/// <param name="Pid">The init's process id; not positive: the runtime refused.</param>
/// <param name="Message">The runtime's standard error then.</param>
internal sealed record MonitorReport(int Pid, string Message)
{
    public static MonitorReport Parse(byte[] line)
    {
        try
        {
            using var json = JsonDocument.Parse(line);
            var message = json.RootElement.TryGetProperty("message", out var text) ? text.GetString() : null;
            return new(json.RootElement.GetProperty("pid").GetInt32(), message?.Trim() ?? "it gave no reason");
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new RuntimeException(RuntimeErrorCode.Internal, $"the monitor's report is not understood: {Encoding.UTF8.GetString(line)}");
        }
    }
}
