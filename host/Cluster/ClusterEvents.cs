using System.Net;
using System.Runtime.CompilerServices;
using Berth.Common;
using Berth.Configuration;
using Berth.Plugins;
using k8s;
using k8s.Autorest;
using k8s.Models;

namespace Berth.Cluster;

/// <summary>
/// Tells the cluster as Events which handler a pod got, where that was not simply asked for, why one was refused or lost, and what becomes of the
/// node's handlers and plugins. Off unless credentials are configured; nothing ever waits for the API server.
/// </summary>
public sealed class ClusterEvents(ClusterOptions options, Notices notices, HandlerTable handlers, TimeProvider time, ILogger<ClusterEvents> log) : BackgroundService
{
    private static readonly TimeSpan LongestPause = TimeSpan.FromMinutes(2);

    private readonly EventLimit _limit = new(time);
    private readonly HandlerWatch _watch = new();
    private string _failure = "";

    /// <summary>How often it looks, at memory only, whether there is something to tell.</summary>
    internal TimeSpan Interval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>What stands for it in a pod of the cluster.</summary>
    internal ServiceAccount Account { get; init; } = ServiceAccount.OfThisPod;

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => options.IsOn ? RunAsync(stoppingToken) : Task.CompletedTask;

    // A method of its own: the client's assemblies are loaded when it is compiled, and not on a node without a cluster.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private async Task RunAsync(CancellationToken stoppingToken)
    {
        Kubernetes? api = null;
        var pause = Interval;
        try
        {
            while (true)
            {
                await Task.Delay(pause, time, stoppingToken);
                foreach (var notice in _watch.Look(handlers.Current))
                {
                    notices.Post(notice);
                }

                try
                {
                    api ??= ClusterConnection.Open(options, Account);
                    await TellAllAsync(api, stoppingToken);
                    (pause, _failure) = (Interval, "");
                }
                catch (Exception e) when (ClusterConnection.IsFailure(e, stoppingToken))
                {
                    pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
                    Say(ClusterConnection.Describe(e));
                    // The credentials may be new ones at the next try.
                    api?.Dispose();
                    api = null;
                }
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            return; // the gateway ends
        }
        finally
        {
            api?.Dispose();
        }
    }

    private async Task TellAllAsync(Kubernetes api, CancellationToken cancellationToken)
    {
        if (notices.TakeDropped() is > 0 and var dropped)
        {
            ClusterLog.EventsDropped(log, dropped);
        }

        while (notices.TryTake() is { } notice)
        {
            if (_limit.Admit(notice) is not { } step)
            {
                continue;
            }

            try
            {
                await TellAsync(api, notice, step, cancellationToken);
            }
            catch (HttpOperationException e) when (IsFinal(e.Response.StatusCode))
            {
                // The pod's namespace is gone, say, or somebody has removed the event: nothing that would be better a second time.
                _limit.Undo(notice);
                Say(ClusterConnection.Describe(e));
            }
            catch
            {
                _limit.Undo(notice);
                notices.Post(notice);
                throw;
            }
        }
    }

    private Task<Eventsv1Event> TellAsync(Kubernetes api, Notice notice, EventStep step, CancellationToken cancellationToken) => step.Count == 1
        ? api.EventsV1.CreateNamespacedEventAsync(EventObject.Create(notice, step.Name, options.Node, time.GetUtcNow()), EventObject.NamespaceOf(notice), cancellationToken: cancellationToken)
        : api.EventsV1.PatchNamespacedEventAsync(EventObject.Again(step.Count, time.GetUtcNow()), step.Name, EventObject.NamespaceOf(notice), cancellationToken: cancellationToken);

    private static bool IsFinal(HttpStatusCode status) =>
        (int)status is >= 400 and < 500 && status is not (HttpStatusCode.Unauthorized or HttpStatusCode.RequestTimeout or HttpStatusCode.TooManyRequests);

    private void Say(string reason)
    {
        if (reason != _failure)
        {
            ClusterLog.EventsFailed(log, reason);
        }

        _failure = reason;
    }
}
