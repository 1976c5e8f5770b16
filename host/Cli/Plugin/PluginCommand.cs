using System.CommandLine;

namespace Berth.Cli.Plugin;

/// <summary><c>berth plugin ...</c>: one file a command.</summary>
internal static class PluginCommand
{
    public static Command Create() => new("plugin", "Makes, signs, installs and switches plugins; `berth plugins` shows what a running gateway has of them.")
    {
        TestCommand.Create(), KeygenCommand.Create(), SignCommand.Create(), PackCommand.Create(),
        InstallCommand.Create(), ListCommand.Create(), RollbackCommand.Create(), DisableCommand.Create(), EnableCommand.Create(), RemoveCommand.Create(),
        ReleaseCommand.Create(),
    };
}
