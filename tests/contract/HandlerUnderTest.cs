using System.Text.Json;
using Berth.Abstractions;
using Berth.Tests.Support;

namespace Berth.Tests.Contract;

/// <summary>A handler that the suite runs against: how to make its plugin, its options, and what the suite cannot ask it.</summary>
internal abstract class HandlerUnderTest
{
    /// <summary>Names with commas between: the suite runs on these alone.</summary>
    private static readonly string? Wanted = Environment.GetEnvironmentVariable("BERTH_TEST_HANDLERS");

    /// <summary>
    /// Every handler of the assembly; a class in the folder handlers is all that it takes. Where a plugin's folder is named, its own.
    /// </summary>
    public static IReadOnlyList<HandlerUnderTest> All { get; } = Kit.FolderUnderTest.Find() ??
    [
        .. typeof(HandlerUnderTest).Assembly.GetTypes()
            .Where(static t => !t.IsAbstract && t.IsSubclassOf(typeof(HandlerUnderTest)) && t.GetConstructor(Type.EmptyTypes) is not null)
            .Select(static t => (HandlerUnderTest)Activator.CreateInstance(t)!)
            .Where(static h => Wanted is null || Wanted.Split(',').Contains(h.Name))
            .OrderBy(static h => h.Name, StringComparer.Ordinal),
    ];

    /// <summary>The handler's name.</summary>
    public abstract string Name { get; }

    /// <summary>The handler's options; read after <see cref="OpenAsync"/>.</summary>
    public abstract object Options { get; }

    public JsonElement OptionsJson => JsonSerializer.SerializeToElement(Options);

    /// <summary>Options with one part of the runtime replaced by what is not there.</summary>
    public virtual IReadOnlyList<MissingPart> MissingParts => [];

    /// <summary>Options that are refused when the handler is made.</summary>
    public virtual IReadOnlyList<BadOptions> BadOptions => [];

    /// <summary>
    /// A dropped handler object keeps a connection that only one may have. The death of a process would close it; the suite
    /// disposes of the object instead, after taking its journal away.
    /// </summary>
    public virtual bool HoldsConnections => false;

    /// <summary>
    /// In the runs that serialise, the plugin runs in a process of its own, as a gateway runs it; for the others a proxy stands for
    /// the border, which costs less.
    /// </summary>
    public virtual bool RunsApart => false;

    /// <summary>Whoever asks for it has its runtime: not to be ready is a failure then, and no reason to ask nothing.</summary>
    public virtual bool MustBeReady => false;

    /// <summary>A pod takes seconds to start.</summary>
    public virtual bool IsSlow => false;

    /// <summary>The runtime cannot share a UTS namespace: each container has one, with the pod's host name.</summary>
    public virtual bool HasUtsNamespaces => false;

    /// <summary>The plugin's folder and assembly, for a process of its own: of a built plugin, whose assembly is also this program's.</summary>
    public virtual (string Folder, string Assembly) Location
    {
        get
        {
            var assembly = NewPlugin().GetType().Assembly.GetName().Name + ".dll";
            return (Directory.GetDirectories(Repository.Plugins).Single(f => File.Exists(Path.Combine(f, "plugin.json")) && File.Exists(Path.Combine(f, assembly))), assembly);
        }
    }

    /// <summary>Makes the plugin.</summary>
    public abstract IRuntimePlugin NewPlugin();

    /// <summary>Starts what the handler needs beside it, such as a daemon of the suite's own; once, before the first use.</summary>
    /// <returns>Ends it, after the last test.</returns>
    public virtual Task<IAsyncDisposable?> OpenAsync() => Task.FromResult<IAsyncDisposable?>(null);

    /// <summary>Finds the process whose death loses a container's exit; null where containers have no such process.</summary>
    public virtual Func<IContainer, int>? MonitorOf => null;

    public static HandlerUnderTest Named(string name) => All.Single(h => h.Name == name);
}

/// <summary>A part of the runtime that is not installed.</summary>
/// <param name="Part">What it is.</param>
/// <param name="Options">The handler's options.</param>
/// <param name="Says">What the reason must say beyond the options: the package that has it, or what is wrong with what is there.</param>
internal sealed record MissingPart(string Part, object Options, string Says);

/// <summary>Options that the plugin refuses.</summary>
/// <param name="Json">As plugins.json would have them.</param>
/// <param name="Named">What the refusal must name.</param>
internal sealed record BadOptions(string Json, string Named);
