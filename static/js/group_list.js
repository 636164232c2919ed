// The list of groups: the keys of every list.
import { startRowKeys } from "./rows.js";

startRowKeys("#groups > section.panel[id]");
