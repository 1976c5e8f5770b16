using System.Diagnostics;
using System.Runtime.InteropServices;
using Berth.Linux;

namespace Berth.Plugins.Health;

/// <summary>
/// Finds out how the process before this one ended, and leaves word for the one after: the marks of running calls, and what the runtime
/// says on standard error when it gives up, in the state folder. An orderly end takes both away.
/// </summary>
public sealed class DeathWatch : IDisposable
{
    private const int LongestWords = 64 << 10, LongestNote = 200;

    private const string Exited = "exit", Threw = "threw ";

    private readonly string _marksPath, _wordsPath, _plugins;
    private readonly IDisposable _redirection;
    private readonly StarvationWatch _starvation;
    private readonly List<PosixSignalRegistration> _signals;
    private volatile bool _isAsked;

    private DeathWatch(string state, string plugins)
    {
        (_marksPath, _wordsPath, _plugins) = (Path.Combine(state, "calls"), Path.Combine(state, "last-words"), plugins + '/');
        Before = Read(_marksPath, _wordsPath, Path.Combine(state, "last-end"));
        Marks = new(_marksPath);
        _redirection = OwnProcess.SendErrorsTo(_wordsPath);
        _starvation = new(Marks);
        // Before the host listens to them, a signal makes the process exit.
        _signals = [.. new[] { PosixSignal.SIGTERM, PosixSignal.SIGINT, PosixSignal.SIGQUIT }.Select(s => PosixSignalRegistration.Create(s, _ => _isAsked = true))];
        AppDomain.CurrentDomain.ProcessExit += OnExit;
        AppDomain.CurrentDomain.UnhandledException += OnException;
    }

    /// <summary>Null if it ended in good order, or there was none since the machine's start.</summary>
    internal Death? Before { get; }

    internal CallMarks Marks { get; }

    /// <summary>Begins; nobody else may use the folder.</summary>
    /// <param name="state">The state folder.</param>
    /// <param name="plugins">The folder of the folders from which plugins are loaded.</param>
    public static DeathWatch Begin(string state, string plugins) => new(state, plugins);

    /// <summary>How many pods, containers and streams there are, each of which needs some descriptors and threads.</summary>
    public void Expect(Func<int> objects) => _starvation.Objects = objects;

    public void Dispose()
    {
        _starvation.Dispose();
        AppDomain.CurrentDomain.ProcessExit -= OnExit;
        AppDomain.CurrentDomain.UnhandledException -= OnException;
        _signals.ForEach(static s => s.Dispose());
        _redirection.Dispose();
        File.Delete(_marksPath);
        File.Delete(_wordsPath);
    }

    private static Death? Read(string marksPath, string wordsPath, string notePath)
    {
        var note = File.Exists(notePath) ? Head(notePath, LongestNote).Trim() : "";
        File.Delete(notePath);
        if (!File.Exists(marksPath))
        {
            return null;
        }

        var file = File.ReadAllBytes(marksPath);
        var (end, marks) = CallMarks.Read(file);
        var starvation = Starvation.Read(end);
        return new()
        {
            WasExit = end == Exited,
            Thrower = end.StartsWith(Threw, StringComparison.Ordinal) ? end[Threw.Length..] : "",
            Starvation = starvation,
            Growth = starvation is null ? [] : CallMarks.ReadGrowth(file),
            Marks = marks,
            Words = File.Exists(wordsPath) ? Head(wordsPath, LongestWords) : "",
            Note = note,
        };
    }

    private static string Head(string path, int longest)
    {
        using var reader = new StreamReader(path);
        var buffer = new char[longest];
        return new(buffer, 0, reader.ReadBlock(buffer));
    }

    private void OnExit(object? sender, EventArgs e)
    {
        if (!_isAsked)
        {
            Marks.WriteEnd(Exited);
        }
    }

    // The innermost method of a plugin is to blame: what throws in the gateway's own code is not its fault.
    private void OnException(object sender, UnhandledExceptionEventArgs e)
    {
        if (e.ExceptionObject is Exception exception
            && new StackTrace(exception).GetFrames().Select(static f => f.GetMethod()?.Module.Assembly.Location ?? "").FirstOrDefault(p => p.StartsWith(_plugins, StringComparison.Ordinal)) is { } path)
        {
            Marks.WriteEnd(Threw + path[_plugins.Length..].Split('/')[0]);
        }
    }
}
