using System.Runtime.CompilerServices;

namespace Berth.Tests.Unit;

/// <summary>The source tree that the tests were built from.</summary>
internal static class Repository
{
    public static string Root { get; } = Find();

    private static string Find([CallerFilePath] string path = "") => Path.GetFullPath("../..", Path.GetDirectoryName(path)!);
}
