using Berth.Configuration;

namespace Berth.Reload;

/// <summary>The configuration's file, read again when it has changed.</summary>
/// <param name="Options">What shall be in force: the same object if nothing changed.</param>
/// <param name="Problem">Why the file is not; empty if it is.</param>
/// <param name="RestartKeys">Keys of the file that need a restart of the gateway.</param>
internal sealed record ConfigurationReading(BerthOptions Options, string Problem, IReadOnlyList<string> RestartKeys);

/// <summary>Reads the file as the start did, under the same environment and flags. A file that is wrong changes nothing.</summary>
internal sealed class ConfigurationReload(BerthOptions atStart)
{
    private string _seen = atStart.SourcePrint;
    private string _problem = "";
    private IReadOnlyList<string> _restartKeys = [];

    /// <param name="inForce">What holds now.</param>
    /// <param name="always">Also if the file is as it was at the last look. One that is not in force is read at every look: what it lacked, a plugin's folder perhaps, may be there now.</param>
    public ConfigurationReading Read(BerthOptions inForce, bool always)
    {
        var print = atStart.Sources?.File is { } file ? ConfigurationFile.PrintOf(file) : "";
        if (atStart.Sources is not { } sources || (print == _seen && !always && _problem.Length == 0))
        {
            return new(inForce, _problem, _restartKeys);
        }

        try
        {
            var isSame = print == _seen && _problem.Length == 0;
            var next = ConfigurationLoader.Load(sources);
            (_seen, _problem, _restartKeys) = (print, "", Configuration.RestartKeys.Changed(inForce, next));
            return new(isSame ? inForce : Configuration.RestartKeys.Keep(inForce, next), "", _restartKeys);
        }
        catch (ConfigurationException e)
        {
            (_seen, _problem) = (print, e.Message);
            return new(inForce, _problem, _restartKeys);
        }
    }

    /// <summary>What was read works by itself, but not with the plugins: it is not in force.</summary>
    public string Refuse(string problem) => _problem = problem;
}
