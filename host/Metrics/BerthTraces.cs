using System.Diagnostics;

namespace Berth.Metrics;

/// <summary>
/// One trace for each RPC, with a span for each stage and each call into a plugin, CNI or registry. While nobody listens,
/// each of these is one comparison.
/// </summary>
public static class BerthTraces
{
    /// <summary>The name of the source.</summary>
    public const string SourceName = "Berth";

    private static readonly ActivitySource Source = new(SourceName);

    /// <summary>An RPC begins; null if it is not traced.</summary>
    /// <param name="method">Its name.</param>
    /// <param name="subject">What it is about.</param>
    /// <param name="traceParent">The client's header of that name (W3C Trace Context), if it sent one.</param>
    public static Activity? StartRpc(string method, string subject, string? traceParent)
    {
        if (!Source.HasListeners())
        {
            return null;
        }

        // The web server's own activity is not exported: a child of it would have a parent that nobody knows.
        Activity.Current = null;
        _ = ActivityContext.TryParse(traceParent, null, isRemote: true, out var client);
        var activity = Source.StartActivity(method, ActivityKind.Server, client);
        return activity?.SetTag("rpc.system", "grpc").SetTag("rpc.method", method).SetTag("berth.subject", subject);
    }

    /// <summary>Says of the RPC that runs which handler its pod gets.</summary>
    public static void Chosen(string handler, string reason) => Chosen(Activity.Current, handler, reason);

    /// <summary>The same of any RPC.</summary>
    public static void Chosen(Activity? rpc, string handler, string reason) =>
        rpc?.SetTag("berth.handler", handler).SetTag("berth.handler.reason", reason);

    /// <summary>A stage of the RPC that runs, until it is disposed of; what is called meanwhile is beneath it. Null if nothing is traced.</summary>
    public static Activity? Stage(string name) => Activity.Current is null ? null : Source.StartActivity(name);

    /// <summary>A part of the RPC that runs has ended now. Work that belongs to no RPC is not traced.</summary>
    /// <param name="name">What it was.</param>
    /// <param name="now">The time.</param>
    /// <param name="duration">How long it took.</param>
    /// <param name="error">Why it failed; null if it did not.</param>
    /// <param name="tags">More about it.</param>
    public static void Record(string name, DateTimeOffset now, TimeSpan duration, string? error, params ReadOnlySpan<KeyValuePair<string, string>> tags)
    {
        if (Activity.Current is null || Source.StartActivity(name, ActivityKind.Internal, parentContext: default, startTime: now - duration) is not { } activity)
        {
            return;
        }

        foreach (var (key, value) in tags)
        {
            activity.SetTag(key, value);
        }

        if (error is not null)
        {
            activity.SetStatus(ActivityStatusCode.Error, error);
        }

        activity.SetEndTime(now.UtcDateTime).Stop();
    }
}
