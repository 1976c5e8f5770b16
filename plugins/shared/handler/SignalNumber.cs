using Berth.Abstractions;

namespace Berth.Plugins.Shared;

internal static class SignalNumber
{
    public const int Kill = 9;

    public static void Validate(int signal)
    {
        if (signal is < 1 or > 64)
        {
            throw RuntimeException.InvalidArgument($"signal {signal} is not one of 1 to 64");
        }
    }
}
