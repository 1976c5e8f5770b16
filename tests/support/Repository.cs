using System.Runtime.InteropServices;

namespace Berth.Tests.Support;

/// <summary>Where things are in the built tree.</summary>
public static class Repository
{
    /// <summary>The folder of Berth.slnx.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>The `dotnet` that runs this process.</summary>
    public static string DotNet { get; } =
        Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", "..", "dotnet"));

    /// <summary>The gateway, built in the same configuration as this program.</summary>
    public static string Program { get; } =
        Path.Combine(Root, "artifacts", "bin", "Berth.Host", Path.GetFileName(AppContext.BaseDirectory.TrimEnd('/')), "berth.dll");

    public static string Plugins => Path.Combine(Root, "artifacts", "plugins");

    /// <summary>A program of a package that the scripts unpack instead of installing it.</summary>
    public static string Tool(string package, string path)
    {
        var program = Path.Combine(Root, "artifacts", "tools", package, path);
        return File.Exists(program) ? program : throw new InvalidOperationException($"{program} is missing: ./test unpacks the package {package} there");
    }

    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Berth.slnx")))
            {
                return folder.FullName;
            }
        }

        throw new InvalidOperationException($"no Berth.slnx above {AppContext.BaseDirectory}");
    }
}
