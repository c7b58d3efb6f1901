"""What goes wrong in the seeded projects: one record per programming mistake, by language.

``{n}`` in a value is a number that differs from issue to issue, so that one story makes several issues.
"""

from dataclasses import dataclass

Crumb = tuple[str, str, str, dict[str, object]]  # category, level, message, data


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One exception: where it was raised, the three lines around it, and what led to it."""

    type: str
    value: str
    filename: str
    module: str
    function: str
    line: int
    source: tuple[str, str, str]
    variables: dict[str, str]
    transaction: str
    mechanism: str
    handled: bool = False
    caller: tuple[str, str, int, str] | None = None  # file, function, line, code; in the application
    framework: tuple[str, str, int] | None = None  # file, function, line; not in the application
    cause: "Story | None" = None
    crumbs: tuple[Crumb, ...] = ()


KEY_MISSING = Story(
    type="KeyError",
    value="'discount'",
    filename="checkout/vouchers.py",
    module="checkout.vouchers",
    function="discount_for",
    line=18,
    source=("    voucher = cart.get('voucher') or {}", "    return voucher['discount']", ""),
    variables={"voucher": "{'code': 'SPRING'}", "cart": "<Cart c-5521>"},
    transaction="POST /pay",
    mechanism="chained",
    handled=True,
)
CART_NEGATIVE = Story(
    type="ValueError",
    value="cart total is negative",
    filename="checkout/totals.py",
    module="checkout.totals",
    function="compute",
    line=41,
    source=("    total = sum(lines) - discount", '    raise ValueError("cart total is negative")', ""),
    variables={"discount": "120", "lines": "[40, 55]", "total": "-25"},
    transaction="POST /pay",
    mechanism="flask",
    caller=("checkout/views.py", "pay", 88, "    total = totals.compute(cart)"),
    framework=("flask/app.py", "dispatch_request", 872),
    cause=KEY_MISSING,
    crumbs=(
        ("query", "info", "SELECT price FROM lines WHERE cart_id = %s", {"rows": 3}),
        ("httplib", "info", "GET https://rates.example/eur", {"status_code": 200}),
        ("checkout", "warning", "voucher SPRING has no discount", {}),
    ),
)

PYTHON = (
    Story(
        type="TimeoutError",
        value="payment gateway {n} did not answer within 5 s",
        filename="checkout/gateway.py",
        module="checkout.gateway",
        function="capture",
        line=63,
        source=(
            "    with deadline(5):",
            "        answer = session.post(url, json=order)",
            "    return answer.json()",
        ),
        variables={"url": "'https://gateway.example/capture'", "order": "<Order 88213>"},
        transaction="POST /pay",
        mechanism="flask",
        caller=("checkout/views.py", "pay", 93, "    gateway.capture(order)"),
        framework=("flask/app.py", "dispatch_request", 872),
        crumbs=(("httplib", "error", "POST https://gateway.example/capture", {"reason": "timeout"}),),
    ),
    Story(
        type="IntegrityError",
        value='duplicate key value violates unique constraint "orders_{n}_key"',
        filename="checkout/orders.py",
        module="checkout.orders",
        function="save",
        line=120,
        source=("    db.session.add(order)", "    db.session.commit()", "    return order"),
        variables={"order": "<Order 88214>"},
        transaction="POST /orders",
        mechanism="flask",
        caller=("checkout/views.py", "place_order", 51, "    orders.save(order)"),
        framework=("sqlalchemy/engine/base.py", "_execute_context", 1967),
        cause=Story(
            type="UniqueViolation",
            value="Key (reference) already exists",
            filename="checkout/database.py",
            module="checkout.database",
            function="execute",
            line=44,
            source=("    cursor = connection.cursor()", "    cursor.execute(statement, values)", ""),
            variables={"statement": "'INSERT INTO orders ...'"},
            transaction="POST /orders",
            mechanism="chained",
            handled=True,
        ),
        crumbs=(("query", "info", "INSERT INTO orders (reference) VALUES (%s)", {}),),
    ),
    Story(
        type="AttributeError",
        value="'NoneType' object has no attribute 'address_{n}'",
        filename="shipping/labels.py",
        module="shipping.labels",
        function="render",
        line=27,
        source=("    customer = customers.get(order.customer_id)", "    return customer.address", ""),
        variables={"customer": "None", "order": "<Order 88219>"},
        transaction="shipping.tasks.print_labels",
        mechanism="celery",
        caller=("shipping/tasks.py", "print_labels", 35, "    labels.render(order)"),
        framework=("celery/app/trace.py", "trace_task", 453),
    ),
    Story(
        type="UnicodeDecodeError",
        value="'utf-8' codec can't decode byte 0xe4 in position {n}",
        filename="imports/supplier.py",
        module="imports.supplier",
        function="read_rows",
        line=58,
        source=("    raw = path.read_bytes()", "    text = raw.decode('utf-8')", "    return text.splitlines()"),
        variables={"path": "PosixPath('stock.csv')", "raw": "b'...'"},
        transaction="imports.tasks.nightly",
        mechanism="celery",
        handled=True,
        caller=("imports/tasks.py", "nightly", 19, "    rows = supplier.read_rows(path)"),
        framework=("celery/app/trace.py", "trace_task", 453),
        crumbs=(("import", "info", "reading stock.csv", {"size": 190344}),),
    ),
    Story(
        type="RecursionError",
        value="maximum recursion depth exceeded in category {n}",
        filename="catalogue/tree.py",
        module="catalogue.tree",
        function="walk",
        line=12,
        source=("    for child in node.children:", "        yield from walk(child)", ""),
        variables={"node": "<Category 12>"},
        transaction="GET /categories",
        mechanism="flask",
        caller=("catalogue/views.py", "categories", 31, "    return list(walk(root))"),
        framework=("flask/app.py", "dispatch_request", 872),
    ),
)

JAVASCRIPT = (
    Story(
        type="TypeError",
        value="Cannot read properties of undefined (reading 'price{n}')",
        filename="src/components/CartLine.tsx",
        module="components/CartLine",
        function="CartLine",
        line=22,
        source=("  const { offer } = props;", "  const price = offer.price;", "  return <Money value={price} />;"),
        variables={"offer": "undefined"},
        transaction="/cart",
        mechanism="onerror",
        caller=("src/pages/Cart.tsx", "renderLines", 57, "  return lines.map(CartLine);"),
        framework=("node_modules/react-dom/index.js", "renderWithHooks", 16305),
        crumbs=(
            ("navigation", "info", "", {"from": "/", "to": "/cart"}),
            ("ui.click", "info", "button.checkout", {}),
            ("fetch", "error", "", {"url": "/api/offers", "status_code": 500, "method": "GET"}),
        ),
    ),
    Story(
        type="ChunkLoadError",
        value="Loading chunk {n} failed.",
        filename="src/router.tsx",
        module="router",
        function="lazyPage",
        line=14,
        source=("export function lazyPage(name) {", "  return import(`./pages/${name}`);", "}"),
        variables={"name": "'Checkout'"},
        transaction="/checkout",
        mechanism="onunhandledrejection",
        framework=("webpack/runtime/jsonp", "__webpack_require__.f.j", 27),
        crumbs=(("navigation", "info", "", {"from": "/cart", "to": "/checkout"}),),
    ),
    Story(
        type="RangeError",
        value="Invalid time value in slot {n}",
        filename="src/lib/dates.ts",
        module="lib/dates",
        function="formatSlot",
        line=9,
        source=("export const formatSlot = (slot) =>", "  new Date(slot.from).toISOString();", ""),
        variables={"slot": "{from: 'soon'}"},
        transaction="/delivery",
        mechanism="generic",
        handled=True,
        caller=("src/pages/Delivery.tsx", "Slots", 40, "  const label = formatSlot(slot);"),
        framework=("node_modules/react-dom/index.js", "renderWithHooks", 16305),
    ),
    Story(
        type="Error",
        value="Request failed with status code 502 (attempt {n})",
        filename="src/lib/api.ts",
        module="lib/api",
        function="request",
        line=31,
        source=("  if (!response.ok) {", "    throw new Error(`Request failed with ${response.status}`);", "  }"),
        variables={"response": "Response {status: 502}"},
        transaction="/account",
        mechanism="onunhandledrejection",
        caller=("src/pages/Account.tsx", "loadOrders", 18, "  return request('/api/orders');"),
    ),
)

JAVA = (
    Story(
        type="IllegalStateException",
        value="Cart fragment {n} is not attached to a context",
        filename="CartFragment.kt",
        module="example.northwind.CartFragment",
        function="onResume",
        line=74,
        source=("    super.onResume()", "    banner.show(requireContext())", "  }"),
        variables={},
        transaction="CartActivity",
        mechanism="UncaughtExceptionHandler",
        caller=("CartActivity.kt", "onStart", 33, "    cart.onResume()"),
        framework=("Fragment.java", "performResume", 3180),
        crumbs=(("app.lifecycle", "info", "foreground", {}), ("ui.click", "info", "btn_cart", {})),
    ),
    Story(
        type="NullPointerException",
        value="Attempt to invoke method on a null object reference (offer {n})",
        filename="OfferAdapter.kt",
        module="example.northwind.OfferAdapter",
        function="bind",
        line=48,
        source=("    val offer = offers[position]", "    price.text = offer!!.price.toString()", "  }"),
        variables={},
        transaction="OffersActivity",
        mechanism="UncaughtExceptionHandler",
        framework=("RecyclerView.java", "onBindViewHolder", 7254),
    ),
)

GO = (
    Story(
        type="*errors.errorString",
        value="sensor {n}: checksum mismatch",
        filename="hub/frame.go",
        module="hub",
        function="DecodeFrame",
        line=66,
        source=("\tif sum != frame.Sum {", '\t\treturn fmt.Errorf("sensor %d: checksum mismatch", id)', "\t}"),
        variables={"id": "14", "sum": "0x1f"},
        transaction="ingest",
        mechanism="generic",
        handled=True,
        caller=("hub/ingest.go", "Ingest", 29, "\tframe, err := DecodeFrame(raw)"),
        framework=("net/http/server.go", "ServeHTTP", 2166),
    ),
    Story(
        type="runtime.boundsError",
        value="index out of range [{n}] with length 8",
        filename="hub/window.go",
        module="hub",
        function="Mean",
        line=21,
        source=("\tfor i := 0; i <= n; i++ {", "\t\ttotal += window[i]", "\t}"),
        variables={"n": "8"},
        transaction="aggregate",
        mechanism="panic",
        caller=("hub/aggregate.go", "Run", 55, "\tmean := Mean(window, n)"),
    ),
)

PHP = (
    Story(
        type="PDOException",
        value="SQLSTATE[HY000]: server has gone away while reading sample {n}",
        filename="src/Samples.php",
        module="Lab\\Samples",
        function="find",
        line=39,
        source=(
            "    $statement = $this->pdo->prepare($sql);",
            "    $statement->execute([$id]);",
            "    return $statement->fetch();",
        ),
        variables={"id": "4471"},
        transaction="GET /samples/{id}",
        mechanism="generic",
        caller=("src/Controller.php", "show", 22, "    return $this->samples->find($id);"),
        framework=("vendor/framework/Router.php", "dispatch", 310),
    ),
)

RUBY = (
    Story(
        type="NoMethodError",
        value="undefined method `height' for nil (station {n})",
        filename="app/models/tide.rb",
        module="Tide",
        function="next_high",
        line=17,
        source=("    reading = readings.last", "    reading.height + offset", "  end"),
        variables={"reading": "nil", "offset": "0.2"},
        transaction="TidesController#show",
        mechanism="rails",
        caller=("app/controllers/tides_controller.rb", "show", 8, "    @high = tide.next_high"),
        framework=("action_controller/metal.rb", "dispatch", 229),
    ),
    Story(
        type="ActiveRecord::LockWaitTimeout",
        value="lock wait timeout exceeded for chart {n}",
        filename="app/jobs/chart_job.rb",
        module="ChartJob",
        function="perform",
        line=24,
        source=("    Chart.transaction do", "      chart.lock!", "    end"),
        variables={"chart": "#<Chart id: 7>"},
        transaction="ChartJob",
        mechanism="sidekiq",
        framework=("sidekiq/processor.rb", "execute_job", 202),
    ),
)

NATIVE = (
    Story(
        type="SIGSEGV",
        value="Fatal error: segmentation fault at 0x{n}",
        filename="firmware/radio.c",
        module="radio",
        function="radio_flush",
        line=140,
        source=("    while (queue->head) {", "        send(queue->head->payload);", "    }"),
        variables={},
        transaction="radio_task",
        mechanism="signalhandler",
        caller=("firmware/main.c", "loop", 61, "    radio_flush(&queue);"),
    ),
)

BY_LANGUAGE: dict[str, tuple[Story, ...]] = {
    "python": PYTHON,
    "javascript": JAVASCRIPT,
    "node": JAVASCRIPT,
    "java": JAVA,
    "go": GO,
    "php": PHP,
    "ruby": RUBY,
    "native": NATIVE,
}
