namespace Berth.Tests.Contract;

/// <summary>
/// Every handler, once called directly and once with every request and answer turned into JSON and back, for some by running the plugin
/// in a process of its own. Slow ones are called the second way, which is the stricter; directly only where all tests are asked for.
/// </summary>
public sealed class EveryHandler : TheoryData<string, bool>
{
    public EveryHandler()
    {
        foreach (var handler in HandlerUnderTest.All)
        {
            Add(new TheoryDataRow<string, bool>(handler.Name, false) { Explicit = handler.IsSlow });
            Add(handler.Name, true);
        }
    }
}

/// <summary>Every handler whose plugin's process may be killed; slow ones only where all tests are asked for.</summary>
public sealed class EveryHandlerApart : TheoryData<string>
{
    public EveryHandlerApart()
    {
        foreach (var handler in HandlerUnderTest.All)
        {
            Add(new TheoryDataRow<string>(handler.Name) { Explicit = handler.IsSlow });
        }
    }
}

/// <summary>Every handler whose plugin runs in a process of its own when requests are serialised.</summary>
public sealed class EveryHandlerInAProcess : TheoryData<string>
{
    public EveryHandlerInAProcess()
    {
        foreach (var handler in HandlerUnderTest.All.Where(static h => h.RunsApart))
        {
            Add(new TheoryDataRow<string>(handler.Name) { Explicit = handler.IsSlow });
        }
    }
}

/// <summary>Every part that a handler's machine may lack.</summary>
public sealed class EveryMissingPart : TheoryData<string, string>
{
    public EveryMissingPart()
    {
        foreach (var (handler, part) in HandlerUnderTest.All.SelectMany(static h => h.MissingParts.Select(p => (h.Name, p.Part))))
        {
            Add(handler, part);
        }
    }
}

/// <summary>Every refused option.</summary>
public sealed class EveryBadOption : TheoryData<string, string, string>
{
    public EveryBadOption()
    {
        foreach (var (handler, bad) in HandlerUnderTest.All.SelectMany(static h => h.BadOptions.Select(b => (h.Name, b))))
        {
            Add(handler, bad.Json, bad.Named);
        }
    }
}
