using System.Text;
using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Plugins.Oci;

/// <summary>A monitor that has not been let go yet; disposed of before its release, it ends by itself.</summary>
internal sealed class BlockedMonitor(Monitor monitor, SafeFd start, SafeFd sync, PipeCapture error) : IDisposable
{
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

        var line = await MonitorReport.ReadLineAsync(sync, cancellationToken).ConfigureAwait(false);
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
}
