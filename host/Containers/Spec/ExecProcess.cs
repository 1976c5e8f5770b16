namespace Berth.Containers.Spec;

/// <summary>The process object of an exec: as the container's own, with another command.</summary>
public static class ExecProcess
{
    private const string Term = "TERM=";

    public static OciProcess Create(OciProcess containerProcess, IReadOnlyList<string> args, bool terminal)
    {
        IReadOnlyList<string> environment = terminal && !containerProcess.Env.Any(static e => e.StartsWith(Term, StringComparison.Ordinal))
            ? [.. containerProcess.Env, Term + "xterm"]
            : containerProcess.Env;
        ProcessArguments.RefuseEmpty(args);
        ProcessArguments.CheckSizes(args.Concat(environment));
        return containerProcess with { Args = args, Env = environment, Terminal = terminal };
    }
}
