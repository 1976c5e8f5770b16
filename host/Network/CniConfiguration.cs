using Berth.Configuration;

namespace Berth.Network;

/// <summary>The state of the pod network, as Status shows it.</summary>
/// <param name="Network">The configuration in use; null if not ready.</param>
/// <param name="Reason">One word; empty if ready.</param>
/// <param name="Message">What is wrong and what to do; empty if ready.</param>
public sealed record CniStatus(CniNetworkList? Network, string Reason, string Message)
{
    /// <summary>Pods can get a network.</summary>
    public bool Ready => Network is not null;
}

/// <summary>
/// The first valid configuration of the folder, in the order of names. Network add-ons write it while the gateway runs, so
/// every look compares the folder with the last one (a few stat calls) and reads again what differs.
/// </summary>
public sealed class CniConfiguration(NetworkOptions options, ILogger<CniConfiguration> log)
{
    private const string NotReadyReason = "NetworkPluginNotReady";

    private readonly Lock _gate = new();
    private readonly CniPluginFolders _folders = new(options.BinDirs);
    private IReadOnlyList<CniConfigFile> _seen = [];
    private bool _loaded;
    private CniNetworkList? _network;
    private string _problem = "";

    /// <summary>The state at this moment.</summary>
    public CniStatus Current
    {
        get
        {
            lock (_gate)
            {
                RefreshNeedsLock();
                return _network is null ? NotReady(_problem)
                    : _folders.FindMissing(_network) is { } missing ? NotReady(missing)
                    : new(_network, "", "");
            }
        }
    }

    private static CniStatus NotReady(string message) => new(null, NotReadyReason, message);

    private void RefreshNeedsLock()
    {
        IReadOnlyList<CniConfigFile> files;
        try
        {
            files = CniConfigFile.List(options.ConfDir);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            (_loaded, _network, _problem) = (false, null, $"cannot list the CNI configuration folder {options.ConfDir}: {e.Message}");
            return;
        }

        if (!_loaded || !files.SequenceEqual(_seen))
        {
            (_seen, _loaded) = (files, true);
            LoadNeedsLock();
        }
    }

    private void LoadNeedsLock()
    {
        List<string> problems = [];
        foreach (var file in _seen)
        {
            try
            {
                _network = CniNetworkList.Parse(file.Read());
                NetworkLog.ConfigurationLoaded(log, _network.Name, file.Path);
                return;
            }
            catch (Exception e) when (e is FormatException or IOException or UnauthorizedAccessException)
            {
                problems.Add($"{file.Path}: {e.Message}");
                NetworkLog.ConfigurationRefused(log, file.Path, e.Message);
            }
        }

        _network = null;
        _problem = problems.Count == 0
            ? $"no CNI configuration (*.conflist, *.conf, *.json) in {options.ConfDir}: install a network add-on, or write one"
            : $"no valid CNI configuration in {options.ConfDir}: {string.Join("; ", problems)}";
    }
}
