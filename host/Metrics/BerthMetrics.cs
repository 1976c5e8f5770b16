using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace Berth.Metrics;

/// <summary>A number of pods or containers.</summary>
public readonly record struct StateCount(string State, string Handler, long Count);

/// <summary>Pods of a plugin's version.</summary>
public readonly record struct PluginCount(string Plugin, string Version, string State, long Pods);

/// <summary>All instruments of the gateway.</summary>
public sealed class BerthMetrics : IDisposable
{
    /// <summary>The meter's name.</summary>
    public const string MeterName = "Berth";

    // What a kubelet waits for lies between a millisecond and its two minutes.
    private static readonly InstrumentAdvice<double> Seconds = new()
    {
        HistogramBucketBoundaries = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120],
    };

    private readonly TimeProvider _timeProvider;
    private readonly Meter _meter;
    private readonly ConcurrentDictionary<string, long> _activeRpcs = new();
    private readonly Histogram<double> _rpcDuration;
    private readonly Histogram<double> _podStartDuration;
    private readonly Histogram<double> _pullDuration;
    private readonly Counter<long> _pulledBytes;
    private readonly Histogram<double> _handlerCallDuration;
    private readonly Counter<long> _handlerFaults;
    private readonly Counter<long> _quarantines;
    private readonly Counter<long> _selections;
    private readonly Counter<long> _reloads;
    private readonly Counter<long> _refusals;
    private long _activePulls;

    /// <summary>Creates the instruments.</summary>
    public BerthMetrics(IMeterFactory meterFactory, TimeProvider timeProvider)
    {
        _timeProvider = timeProvider;
        _meter = meterFactory.Create(MeterName);
        _meter.CreateObservableGauge("rpc_active", ActiveRpcs, "{call}", "CRI calls that run now, by method");
        _rpcDuration = Duration("rpc_duration_seconds", "Time of CRI calls, by method and gRPC status code");
        _podStartDuration = Duration("pod_start_stage_duration_seconds", "Time of the stages of starting a pod, by stage and handler");
        _meter.CreateObservableGauge("image_pulls_active", () => Interlocked.Read(ref _activePulls), "{pull}", "Image pulls that run now");
        _pullDuration = Duration("image_pull_duration_seconds", "Time of image pulls, by result (ok or an error's code)");
        _pulledBytes = _meter.CreateCounter<long>("image_pulled_bytes_total", "By", "Compressed bytes of layers that came from registries");
        _handlerCallDuration = Duration("handler_call_duration_seconds", "Time of calls into handlers, by handler, verb and result (ok or an error's code)");
        _selections = _meter.CreateCounter<long>("handler_selections_total", "{pod}", "Choices of a handler for a pod, by handler, what decided, and result (ok or an error's code)");
        _reloads = _meter.CreateCounter<long>("reloads_total", "{reload}", "Looks at configuration and plugin folders, by result");
        _refusals = _meter.CreateCounter<long>("plugin_refusals_total", "{version}", "Versions of plugins that were not taken, by plugin and what of them is to blame (folder, manifest, contract, signature, load, self-test)");
        _quarantines = _meter.CreateCounter<long>("handler_quarantines_total", "{quarantine}", "Handlers that got no new pods for a while, by handler, plugin and cause (faults, death)");
        _handlerFaults = _meter.CreateCounter<long>("handler_faults_total", "{fault}", "Calls that counted against a handler's fault budget, by handler and verb");
    }

    /// <summary>A version of a plugin was not taken.</summary>
    /// <param name="plugin">The plugin's id; the folder's name if that cannot be told.</param>
    /// <param name="cause">What of it is to blame.</param>
    public void PluginRefused(string plugin, string cause) => _refusals.Add(1, new("plugin", plugin), new("cause", cause));

    /// <summary>
    /// A reload has ended: done; unchanged; version-refused, where a version of a plugin was not taken and the rest is in force; refused, where the
    /// configuration was not; or failed.
    /// </summary>
    public void Reloaded(string result) => _reloads.Add(1, new KeyValuePair<string, object?>("result", result));

    /// <summary>Reports the generation in force, plugin versions by state, and those let go of that are still in memory.</summary>
    public void ObservePlugins(Func<long> generation, Func<IEnumerable<PluginCount>> plugins, Func<int> remnants)
    {
        _meter.CreateObservableGauge("generation", generation, "{generation}", "The snapshot of plugins and configuration in force");
        _meter.CreateObservableGauge("plugin_remnants", remnants, "{plugin}", "Plugin versions that were let go of and are still in memory");
        _meter.CreateObservableGauge(
            "plugin_pods",
            () => plugins().Select(static p => new Measurement<long>(p.Pods, new("plugin", p.Plugin), new("version", p.Version), new("state", p.State))),
            "{pod}",
            "Pods by the version of the plugin that they are with, and its state");
    }

    /// <summary>Reports handlers that are quarantined now.</summary>
    public void ObserveQuarantine(Func<IEnumerable<(string Handler, string Plugin, string Version)>> handlers) => _meter.CreateObservableGauge(
        "handler_quarantined",
        () => handlers().Select(static h => new Measurement<long>(1, new("handler", h.Handler), new("plugin", h.Plugin), new("version", h.Version))),
        "{handler}",
        "Handlers that get no new pods now, because they do harm; an empty handler is all of a plugin");

    /// <summary>A handler is quarantined.</summary>
    /// <param name="handler">The handler's name; empty for all of a plugin.</param>
    /// <param name="plugin">The plugin's id.</param>
    /// <param name="cause"><c>faults</c>, or <c>death</c> of the gateway.</param>
    public void Quarantined(string handler, string plugin, string cause) =>
        _quarantines.Add(1, new("handler", handler), new("plugin", plugin), new("cause", cause));

    /// <summary>A handler was chosen for a pod, or the pod refused.</summary>
    /// <param name="handler">The handler's name; empty if there is none.</param>
    /// <param name="by">What decided: a rule, RuntimeClass, an annotation, the default.</param>
    /// <param name="result"><c>ok</c>, or the refusal's code.</param>
    public void Selected(string handler, string by, string result) =>
        _selections.Add(1, new("handler", handler), new("by", by), new("result", result));

    /// <summary>A CRI call has ended.</summary>
    public void Rpc(string method, string code, TimeSpan duration) =>
        _rpcDuration.Record(duration.TotalSeconds, new("method", method), new("code", code));

    /// <summary>A stage of starting a pod has ended; the result is the next one's start.</summary>
    public long PodStartStage(long started, string stage, string handler)
    {
        var duration = _timeProvider.GetElapsedTime(started);
        _podStartDuration.Record(duration.TotalSeconds, new("stage", stage), new("handler", handler));
        BerthTraces.Record(stage, _timeProvider.GetUtcNow(), duration, null, new KeyValuePair<string, string>("berth.handler", handler));
        return _timeProvider.GetTimestamp();
    }

    /// <summary>A pull begins; the result goes to <see cref="PullStop"/>.</summary>
    public long PullStart()
    {
        Interlocked.Increment(ref _activePulls);
        return _timeProvider.GetTimestamp();
    }

    /// <summary>A pull ends.</summary>
    /// <param name="started">Of <see cref="PullStart"/>.</param>
    /// <param name="result"><c>ok</c>, or the error's code.</param>
    public void PullStop(long started, string result)
    {
        Interlocked.Decrement(ref _activePulls);
        _pullDuration.Record(Since(started), new KeyValuePair<string, object?>("result", result));
    }

    /// <summary>Bytes came from a registry.</summary>
    public void Pulled(long bytes) => _pulledBytes.Add(bytes);

    /// <summary>A call into a handler has ended.</summary>
    /// <param name="handler">The handler's name.</param>
    /// <param name="verb">The method of the contract.</param>
    /// <param name="result">How it ended.</param>
    /// <param name="duration">From the call to the answer or the deadline.</param>
    /// <param name="isFault">Whether it counts against the handler.</param>
    public void HandlerCall(string handler, string verb, string result, TimeSpan duration, bool isFault)
    {
        _handlerCallDuration.Record(duration.TotalSeconds, new("handler", handler), new("verb", verb), new("result", result));
        if (isFault)
        {
            _handlerFaults.Add(1, new("handler", handler), new("verb", verb));
        }
    }

    /// <summary>Reports the pods by state and handler; asked for at each scrape, so it must only look at memory.</summary>
    public void ObservePods(Func<IEnumerable<StateCount>> pods) => Observe("pods", "{pod}", "Pod sandboxes, by state and handler", pods);

    /// <summary>Reports the containers by state and handler; asked for at each scrape, so it must only look at memory.</summary>
    public void ObserveContainers(Func<IEnumerable<StateCount>> containers) =>
        Observe("containers", "{container}", "Containers, by state and handler", containers);

    /// <summary>Reports how many removals failed and are tried again; asked for at each scrape, so it must only look at memory.</summary>
    public void ObserveOwedRemovals(Func<long> owed) =>
        _meter.CreateObservableGauge("owed_removals", owed, "{object}", "Objects whose removal failed and is tried again");

    /// <inheritdoc/>
    public void Dispose() => _meter.Dispose();

    private IEnumerable<Measurement<long>> ActiveRpcs() =>
        _activeRpcs.Select(static r => new Measurement<long>(r.Value, new KeyValuePair<string, object?>("method", r.Key)));

    private void Observe(string name, string unit, string description, Func<IEnumerable<StateCount>> counts) =>
        _meter.CreateObservableGauge(
            name,
            () => counts().Select(static c => new Measurement<long>(c.Count, new("state", c.State), new("handler", c.Handler))),
            unit,
            description);

    private Histogram<double> Duration(string name, string description) => _meter.CreateHistogram(name, "s", description, tags: null, Seconds);

    private double Since(long started) => _timeProvider.GetElapsedTime(started).TotalSeconds;
}
