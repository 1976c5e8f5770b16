namespace Berth.Plugins.Vm;

/// <summary>Input of a terminal.</summary>
internal static class TerminalInput
{
    /// <summary>What ends it: control-D, VEOF of termios(3). A terminal that loses its input hangs up.</summary>
    public static readonly ReadOnlyMemory<byte> End = new byte[] { 4 };
}
