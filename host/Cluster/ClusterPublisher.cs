using System.Runtime.CompilerServices;
using Berth.Configuration;
using Berth.Plugins;

namespace Berth.Cluster;

/// <summary>
/// Keeps RuntimeClasses and node labels true as plugins come and go. Off unless credentials are configured; whatever goes
/// wrong with the API server changes nothing for pods.
/// </summary>
public sealed class ClusterPublisher(ClusterOptions options, HandlerTable handlers, TimeProvider time, ILogger<ClusterPublisher> log) : BackgroundService
{
    // Others may have changed what we wrote; longest pause after failures too.
    private static readonly TimeSpan Resync = TimeSpan.FromMinutes(2);

    /// <summary>How often it looks, at memory only, whether there is something to tell.</summary>
    internal TimeSpan Interval { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>What stands for it in a pod of the cluster.</summary>
    internal ServiceAccount Account { get; init; } = ServiceAccount.OfThisPod;

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => options.IsOn ? RunAsync(stoppingToken) : Task.CompletedTask;

    // A method of its own: the client's assemblies are loaded when it is compiled, and not on a node without a cluster.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private async Task RunAsync(CancellationToken stoppingToken)
    {
        PublishedHandlers? published = null;
        var (last, pause, failure) = (0L, Interval, "");
        ClusterApi? api = null;
        using var timer = new PeriodicTimer(Interval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                var wish = PublishedHandlers.Of(handlers.Current);
                var due = failure.Length > 0 ? pause : wish.SameAs(published) ? Resync : TimeSpan.Zero;
                if (last != 0 && time.GetElapsedTime(last) < due)
                {
                    continue;
                }

                try
                {
                    api ??= new(ClusterConnection.Open(options, Account), options.Node, log);
                    await api.PublishAsync(wish, stoppingToken);
                    (published, pause, failure) = (wish, Interval, "");
                }
                catch (Exception e) when (ClusterConnection.IsFailure(e, stoppingToken))
                {
                    pause = pause * 2 < Resync ? pause * 2 : Resync;
                    failure = Said(failure, ClusterConnection.Describe(e));
                    api = Renew(api);
                }

                last = time.GetTimestamp();
            }
        }
        finally
        {
            api?.Dispose();
        }
    }

    // The credentials may be new ones at the next try.
    private static ClusterApi? Renew(ClusterApi? api)
    {
        api?.Dispose();
        return null;
    }

    private string Said(string before, string reason)
    {
        if (reason != before)
        {
            ClusterLog.Failed(log, reason);
        }

        return reason;
    }
}
